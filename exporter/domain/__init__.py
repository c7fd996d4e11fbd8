"""What the words of the contract mean: values and rules, with no clock and no I/O.

=============  ==========================================================
destination    a customer's container, what to send there and how
stream         the rows of one data type of one project or organization
hour           one UTC clock hour, half open
part           one output file of an hour
marker         the small blob written last: "this hour is whole"
ledger         our record of what was exported, one row an hour
claim, lease   who is exporting an hour, and until when that holds
owed           an hour that should be exported by now and is not
=============  ==========================================================
"""
