"""Pictures that staff send. No route, no database: bytes in, bytes out."""
