"""What happened: Parquet tables, import and attach, entity resolution, engines."""
