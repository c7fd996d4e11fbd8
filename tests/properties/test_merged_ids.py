import json

from hypothesis import given

from exporter.domain.records import MERGED_ID_FIELDS, Reason, Rejection
from exporter.pipeline.merged_ids import MergedIdCodec
from tests.builders import HOUR, merge
from tests.properties.rows import missing, parsed, rows, wrong
from tests.properties.values import json_lines

FIRST_MS = int(HOUR.start.timestamp()) * 1000


@given(json_lines(rows(MERGED_ID_FIELDS, {"merge_server_time": FIRST_MS + 5})))
def test_a_merge_is_exported_if_and_only_if_nothing_is_wrong_with_it(line: bytes) -> None:
    """With its five keys and their very values."""
    row = parsed(line)
    codec = MergedIdCodec(HOUR)
    decoded = codec.decode(line)

    if isinstance(decoded, Rejection):
        lacking, mistaken = missing(row, MERGED_ID_FIELDS), wrong(row, MERGED_ID_FIELDS)
        if decoded.reason is Reason.OUTSIDE_HOUR:
            assert not 0 <= row["merge_server_time"] - FIRST_MS < 3_600_000
            assert not lacking + mistaken
        else:
            assert lacking + mistaken
            assert all(name in decoded.detail for name in lacking + mistaken)
        return
    assert json.loads(codec.encode_all([decoded], [line])) == {name: row[name] for name in merge()}
    assert 0 <= row["merge_server_time"] - FIRST_MS < 3_600_000
