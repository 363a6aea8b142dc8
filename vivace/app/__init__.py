"""The App collects the parts, checks them and freezes them into a plan."""
