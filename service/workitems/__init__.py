"""Our own worklist: decided studies as Unified Procedure Steps that a reading worklist finds, claims and watches (PS3.4 annex CC)."""
