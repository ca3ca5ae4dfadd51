"""A plan, a storm, a difference and a verification as documents, which any printer prints."""
