import json

from hypothesis import given

from exporter.domain.row_schema import MERGED_ID_FIELDS, Reason, Rejection
from exporter.pipeline.merged_ids import MergedIdCodec
from tests.properties.rows import expected, rows
from tests.properties.values import json_lines
from tests.support.builders import HOUR

FIRST_MS = int(HOUR.start.timestamp()) * 1000


@given(json_lines(rows(MERGED_ID_FIELDS, {"merge_server_time": FIRST_MS + 5})))
def test_a_merge_is_exported_if_and_only_if_nothing_is_wrong_with_it(line: bytes) -> None:
    """With its five keys and their values as integers, whatever form these had."""
    codec = MergedIdCodec(HOUR)
    decoded = codec.decode(line)
    found = expected(line, MERGED_ID_FIELDS)
    wrong = (*found.missing, *found.mistyped)
    time = found.values["merge_server_time"]
    inside = time is not None and 0 <= time - FIRST_MS < 3_600_000

    if isinstance(decoded, Rejection):
        assert wrong or not inside
        if decoded.reason is Reason.OUTSIDE_HOUR:
            assert not wrong
        else:
            assert decoded.keys == wrong
        return
    assert inside
    assert not wrong
    assert json.loads(codec.encode_all([decoded], [line])) == found.values
