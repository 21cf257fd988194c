"""The trail as DICOM audit messages (PS3.15 A.5) to a syslog receiver: message (XML), events (which for what), syslog, feed."""
