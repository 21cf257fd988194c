"""Sign-in through the site's identity provider: OpenID Connect, authorization code with PKCE."""
