"""One self-contained HTML page of an estimate, a comparison, a search or a reproduction: ``hwsim report``."""
