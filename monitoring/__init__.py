"""Monitoring: it only watches. Watchers fill snapshots, a collector reads them, a page shows them."""
