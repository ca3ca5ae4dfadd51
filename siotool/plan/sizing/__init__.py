"""A plan: its figures evaluated, made uncertain and described; and read back."""
