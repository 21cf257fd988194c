"""Brain MRI studies with known truth, for site acceptance and tests. The analysis cannot import this."""
