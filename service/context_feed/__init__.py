"""The clinical context by feed: HL7 v2 over MLLP, and FHIR R4 by POST or by asking a server."""
