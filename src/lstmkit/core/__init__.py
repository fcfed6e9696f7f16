"""The ground floor: errors, atomic files, records, signals. Plain data; no torch."""
