"""From a run file to a sizing report: join, gates, renderers."""
