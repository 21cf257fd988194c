"""The pure domain: what a study, a finding, a pattern and a priority are, and how one follows from the other.

Nothing here reads a clock, a file (but a policy) or a network, and nothing here imports `service` or `workers`.

Glossary (one word per concept, in code, database, log and text)
----------------------------------------------------------------
instance     one DICOM object as received
series       instances that share a Series Instance UID
study        series that share a Study Instance UID; *snapshot n* is what was there when it settled for the nth time
cohort       the patients flagged as CAR-T recipients, with their context
context      what is known of a patient beside the images: infusion date, grades, blood pressure, ...
volume       the pixels of a series on an exact patient grid
check        a measurement on volumes; it yields findings and judges nothing
finding      Measured(value, unit) or NotAssessed(reason) of one quantity in one region on one side
condition    a question to findings and context with three answers: true, false, unknown
rule         a named pattern: conditions, priority, wording
pattern      a rule's outcome: present, absent or open, with its reasons
case         a patient, findings and what must be decided, as a file says it (docs/cases.md)
site         a hospital with an overlay on the policy: its own cuts, priorities, targets and words
decision     priority, patterns and what was not assessed, for one snapshot
route        a line of routing.yaml: for which events, under which conditions, what goes to which destination
report       a DICOM object that carries a decision (SR, SC, SEG, KOS)
delivery     one object or notice to one destination, retried until it is proven there
"""
