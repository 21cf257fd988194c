"""How every request of the interface may be refused, for its description."""

from typing import Any

from pydantic import BaseModel


class ErrorOut(BaseModel):
    """What is wrong, in words for people."""

    error: str


REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorOut, "description": words}
    for status, words in {
        400: "not understood",
        401: "nobody is signed in, or the password has to be changed first",
        403: "the role does not allow it, the form token is missing, or the request comes from another site",
        404: "there is no such thing",
        405: "this is not done here",
        409: "it cannot be done as things stand",
        413: "too long, or its length is not said",
        422: "not understood: which fields",
        429: "too many requests: wait a minute",
        503: "the database does not answer",
    }.items()
}
"""Status to what the description says of it."""
