"""Controller policies of the plain reference engine: schedulers, row policies, refresh managers."""
