"""What was measured is kept and judged at the sites; here its consequences: quarantine, looking, money."""
