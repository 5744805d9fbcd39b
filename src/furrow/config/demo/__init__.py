"""A demo company: invented people, numbers that were never allocated, six weeks of history."""
