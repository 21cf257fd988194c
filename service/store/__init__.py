"""What the service keeps: rows in the database, bytes in the file store."""
