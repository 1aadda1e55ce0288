"""Between the classes that an author writes and what the component exports. Imported inside the sandbox alone: the
modules of `wit_world` are made by componentize-py from wit/, when a plugin is built."""
