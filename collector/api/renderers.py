"""Formats that only the collector's answers have."""

from collector import geojson, parquet
from monitoring.api.formats import CSVRenderer, NDJSONRenderer
from monitoring.api.renderers import BrowsableAPIRenderer, JSONRenderer


class GeoJSONRenderer(JSONRenderer):
    """What a view made GeoJSON of."""

    media_type = geojson.MEDIA_TYPE
    format = "geojson"


class ParquetRenderer(JSONRenderer):
    """Names the format; the export writes the file itself, and errors are JSON."""

    media_type = parquet.MEDIA_TYPE
    format = "parquet"


PLAIN = (JSONRenderer, BrowsableAPIRenderer)
ROWS = (*PLAIN, CSVRenderer, NDJSONRenderer)
PLACES = (*ROWS, GeoJSONRenderer)
