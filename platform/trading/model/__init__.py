"""Frozen values of the trade. Import the file you need: this package stays free of numpy for those who may not load it."""
