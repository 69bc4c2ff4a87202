"""Persona-driven synthetic data as one Dagster project: web text, a hub of personas, training data."""
