#!/bin/sh
# Started as a worker by the tests through a link whose name is the script to play; see supervisor/main.rs.
MXGATEWAY_FAKE_WORKER="${0##*/}" exec "${0%/*}/test-program" play_the_worker --exact --nocapture
