"""Read events with Spark: python read_with_pyspark.py FOLDER, also abfss://CONTAINER@ACCOUNT.dfs.core.windows.net."""

import re
import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

# The columns of the first table of tables/spark.sql, with explicit types: inference reads everything twice.
SCHEMA = re.search(
    r"CREATE TABLE events \((.*?)\n\);",
    Path(__file__).with_name("tables").joinpath("spark.sql").read_text(),
    re.DOTALL,
)[1]


def events(spark: SparkSession, folder: str) -> DataFrame:
    """Return the events of all hours in a folder.

    Markers are not read, because they do not end with .json.gz; merged ids are not, because they begin with a
    hyphen. input_file_name() has %23 for the # of a name.
    """
    # Times of the files are UTC, and Spark shows and compares times in the zone of the session.
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    reader = spark.read.schema(SCHEMA).option("recursiveFileLookup", "true")
    return reader.option("pathGlobFilter", "[0-9]*.json.gz").json(folder)


if __name__ == "__main__":
    session = SparkSession.builder.getOrCreate()
    events(session, sys.argv[1]).createOrReplaceTempView("events")
    print(
        tuple(
            session.sql("""
                SELECT
                    count(*) AS rows,
                    count(DISTINCT uuid) AS uuids,
                    max(amplitude_id) AS largest_amplitude_id,
                    date_format(max(server_upload_time), "yyyy-MM-dd'T'HH:mm:ss.SSSSSS'Z'") AS last_upload,
                    count(get_json_object(data, '$.path')) AS with_path
                FROM events
            """).first()
        )
    )
