"""The search for the highest load that meets the gates; it reads no clock and draws no number."""
