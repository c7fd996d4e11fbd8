"""Load complete hours into a Databricks table with Auto Loader, which waits for markers and not for parts.

``databricks_auto_loader.py ROOT CHECKPOINT``, as a job that runs every hour. ROOT is the container. The rows
of an hour are in a partition of their own, which the job overwrites: an hour with late rows, or one that was
exported again, is replaced and never doubled.
"""

import re
import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import lit

TABLE = "events_by_hour"
MARKER = "hour STRING, data_type STRING, rows BIGINT, parts ARRAY<STRUCT<name STRING, rows BIGINT>>"
COLUMNS = re.search(
    r"CREATE TABLE events \((.*?)\n\);", (Path(__file__).parent / "tables/spark.sql").read_text(), re.DOTALL
)[1]


def create_table(spark: SparkSession) -> None:
    """Create the table with a partition for each hour, such as 2026-01-31T05."""
    spark.sql(f"CREATE TABLE IF NOT EXISTS {TABLE} ({COLUMNS}, hour STRING) PARTITIONED BY (hour)")


def load_hours(root: str, markers: DataFrame) -> None:
    """Load the hours that markers tell of.

    An hour without parts has no rows. If it had some, a backfill has removed them: delete them, too.
    """
    spark = markers.sparkSession
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    # Overwrite the partitions that the rows are in, and no others.
    spark.conf.set("spark.sql.sources.partitionOverwriteMode", "dynamic")
    for marker in markers.where("data_type = 'events'").collect():
        # Exactly the parts that the marker names: a listing by prefix finds the hours 10 to 19 with hour 1.
        parts = [f"{root}/{part.name}" for part in marker.parts]
        if parts:
            rows = spark.read.schema(COLUMNS).json(parts).withColumn("hour", lit(marker.hour))
            rows.write.insertInto(TABLE, overwrite=True)


def main(root: str, checkpoint: str) -> None:
    """Load the hours whose markers are new or have changed since the last run."""
    spark = SparkSession.builder.getOrCreate()
    create_table(spark)
    (
        spark.readStream.format("cloudFiles")
        .option("cloudFiles.format", "json")
        # A marker is overwritten when its hour gets late rows or is exported again.
        .option("cloudFiles.allowOverwrites", "true")
        .option("pathGlobFilter", "[0-9]*_complete")
        .schema(MARKER)
        .load(root)
        .writeStream.foreachBatch(lambda markers, _batch: load_hours(root, markers))
        .option("checkpointLocation", checkpoint)
        .trigger(availableNow=True)
        .start()
        .awaitTermination()
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
