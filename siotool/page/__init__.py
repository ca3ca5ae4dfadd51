"""What the report's and the plan's HTML pages share."""
