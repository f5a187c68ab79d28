/* api/openapi.h - openapi.yaml, built into the program (api/openapi.cmake makes the bytes). */
#pragma once

#include <stddef.h>

extern const unsigned char api_openapi[];
extern const size_t api_openapi_bytes;
