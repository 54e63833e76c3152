// SwiftPM needs one source file in a C target; everything of ours is inline in the headers.
#include "shim.h"
#include "event_shim.h"
