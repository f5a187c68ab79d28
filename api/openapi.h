/* api/openapi.h - openapi.yaml and the same as JSON, built into the program (api/openapi.cmake
 * makes the bytes). */
#pragma once

#include <stddef.h>

extern const unsigned char api_openapi[];
extern const size_t api_openapi_bytes;
extern const unsigned char api_openapi_json[];
extern const size_t api_openapi_json_bytes;
