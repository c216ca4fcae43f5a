"""Downloads: a queue that all instances share, one owner a job, files that are whole or not there."""
