"""Builds a plugin's folder into a component: `python -m tidegate_sdk.build FOLDER -o NAME.wasm`.

Runs on the author's machine, never in the sandbox. Needs componentize-py, which brings CPython for WebAssembly.
"""
