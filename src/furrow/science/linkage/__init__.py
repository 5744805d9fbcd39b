"""Record linkage: which rows, however they were typed, are one customer."""
