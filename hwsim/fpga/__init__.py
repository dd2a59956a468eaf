"""Field-programmable gate arrays: boards as budgets, engines made from them, instruction streams and task graphs."""
