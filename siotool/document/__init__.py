"""A report, a plan or any other answer as a document, and the printers of documents."""
