"""The demo: the whole service and a PACS on this machine, one study through all of it, and a check of what arrived."""
