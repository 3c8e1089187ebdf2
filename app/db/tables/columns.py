"""What every table is declared with: the metadata, and columns that several tables have."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, DateTime, Index, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

TIME = DateTime(timezone=True)


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """Allow a text column only the words of an enumeration."""
    listed = ", ".join(f"'{word.value}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def by_age(table: str, column: str) -> Index:
    """Find what is old in a table that only grows: a few bytes for many pages of rows, and next to nothing a write."""
    return Index(f"ix_{table}_age", column, postgresql_using="brin")
