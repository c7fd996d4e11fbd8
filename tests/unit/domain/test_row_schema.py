from exporter.domain.row_schema import EVENT_FIELDS, MERGED_ID_FIELDS, Kind

# The contract's own words, key by key; strings: a string or an array of strings.
EVENT_RECORD = """
    $insert_id string?, $schema int?, adid string?, amplitude_attribution_ids strings?,
    amplitude_event_type string?, amplitude_id long?, app int, city string?, client_event_time time?,
    client_upload_time time?, country string?, data dict, device_brand string?, device_carrier string?,
    device_family string?, device_id string?, device_manufacturer string?, device_model string?,
    device_type string?, dma string?, event_id int?, event_properties dict, event_time time,
    event_type string, group_properties dict, groups dict, idfa string?, ip_address string?,
    is_attribution_event bool?, language string?, library string?, location_lat float?, location_lng float?,
    os_name string?, os_version string?, paying bool?, platform string?, processed_time time?, region string?,
    sample_rate number?, server_received_time time?, server_upload_time time, session_id long?,
    start_version string?, user_creation_time time?, user_id string?, user_properties dict, uuid UUID,
    version_name string?
"""
MERGED_ID_RECORD = (
    "scope int, merge_time long, merge_server_time long, amplitude_id long, merged_amplitude_id long"
)
KINDS = {
    "string": Kind.STRING,
    "int": Kind.INTEGER,
    "long": Kind.INTEGER,
    "float": Kind.FLOAT,
    "bool": Kind.BOOLEAN,
    "time": Kind.TIME,
    "UUID": Kind.UUID,
    "dict": Kind.DICT,
    "number": Kind.FLOAT,
    "strings": Kind.TEXTS,
}


def kinds(record: str) -> dict[str, Kind]:
    """Return the keys of a record and their kinds."""
    return {name: KINDS[kind.rstrip("?")] for name, kind in (each.split() for each in record.split(","))}


def test_an_event_has_the_49_keys_of_the_contract_in_alphabetical_order() -> None:
    """Each of its kind."""
    assert {field.name: field.kind for field in EVENT_FIELDS} == kinds(EVENT_RECORD)
    assert [field.name for field in EVENT_FIELDS] == sorted(field.name for field in EVENT_FIELDS)
    assert len(EVENT_FIELDS) == 49


def test_four_keys_of_an_event_must_be_there() -> None:
    """The others may be missing, the project's too."""
    required = {field.name for field in EVENT_FIELDS if field.required}

    assert required == {"uuid", "event_type", "event_time", "server_upload_time"}


def test_a_merged_id_has_five_integers_that_must_all_be_there() -> None:
    """In the order of the contract."""
    assert {field.name: field.kind for field in MERGED_ID_FIELDS} == kinds(MERGED_ID_RECORD)
    assert [field.name for field in MERGED_ID_FIELDS] == list(kinds(MERGED_ID_RECORD))
    assert all(field.required for field in MERGED_ID_FIELDS)
