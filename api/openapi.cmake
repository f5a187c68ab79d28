# openapi.yaml as a C array in the api library. Included after bridge_part(api ...); the same file is the script that writes
# the array.
if(CMAKE_SCRIPT_MODE_FILE)
    file(READ ${IN} hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n    " hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    file(WRITE ${OUT} "#include \"api/openapi.h\"\n\nconst unsigned char api_openapi[] = {\n    "
         "${bytes}\n};\nconst size_t api_openapi_bytes = sizeof(api_openapi);\n")
    return()
endif()

set(openapi_source ${CMAKE_BINARY_DIR}/generated/openapi_bytes.c)
add_custom_command(
    OUTPUT ${openapi_source}
    COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_SOURCE_DIR}/openapi.yaml -DOUT=${openapi_source}
            -P ${CMAKE_CURRENT_LIST_DIR}/openapi.cmake
    DEPENDS ${CMAKE_SOURCE_DIR}/openapi.yaml ${CMAKE_CURRENT_LIST_DIR}/openapi.cmake
    VERBATIM)
target_sources(api PRIVATE ${openapi_source})
