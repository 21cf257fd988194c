"""The web pages and the REST interface of the service."""
