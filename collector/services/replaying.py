"""Sends recorded feeds through the pipeline, with their own times as the clock."""

import gzip
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.utils import timezone

from collector import feed as http
from collector.buffer import FeedBuffer
from collector.models import Source
from collector.parsing import FeedRejected, parse_feed
from collector.services.compacting import compact
from collector.services.flushing import FlushResult, flush
from collector.services.polling import Fetched, Outcome, take
