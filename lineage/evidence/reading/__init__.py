"""Reading data into profiles: files, frames and queries, with DuckDB inside, in bounded memory."""
