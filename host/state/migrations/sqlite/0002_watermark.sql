-- Where the next run of an asset reads on; NULL for sources that are read whole each time.
ALTER TABLE materializations ADD COLUMN watermark TEXT;
