# openapi.yaml, and the same as JSON, as C arrays in the api library. Included after bridge_part(api ...); the same file is the
# script that writes an array: `cmake -DIN=file -DNAME=array -DOUT=array.c -P openapi.cmake`.
if(CMAKE_SCRIPT_MODE_FILE)
    file(READ ${IN} hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n    " hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    file(WRITE ${OUT} "#include \"api/openapi.h\"\n\nconst unsigned char ${NAME}[] = {\n    "
         "${bytes}\n};\nconst size_t ${NAME}_bytes = sizeof(${NAME});\n")
    return()
endif()

include(${CMAKE_SOURCE_DIR}/cmake/python.cmake)
bridge_find_python(openapi_python yaml)
if(NOT openapi_python)
    message(FATAL_ERROR "openapi.yaml can't be turned into /openapi.json: no python3 here has the module yaml. "
            "Install Debian's python3-yaml, or run ./dev setup.")
endif()

# openapi_array(NAME FILE): the file's bytes as array NAME.
function(openapi_array name file)
    set(source ${CMAKE_BINARY_DIR}/generated/${name}_bytes.c)
    add_custom_command(
        OUTPUT ${source}
        COMMAND ${CMAKE_COMMAND} -DIN=${file} -DNAME=${name} -DOUT=${source}
                -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/openapi.cmake
        DEPENDS ${file} ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/openapi.cmake
        VERBATIM)
    target_sources(api PRIVATE ${source})
endfunction()

set(openapi_json ${CMAKE_BINARY_DIR}/generated/openapi.json)
add_custom_command(
    OUTPUT ${openapi_json}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated
    COMMAND ${openapi_python} -B ${CMAKE_CURRENT_LIST_DIR}/openapi_json.py ${CMAKE_SOURCE_DIR}/openapi.yaml ${openapi_json}
    DEPENDS ${CMAKE_SOURCE_DIR}/openapi.yaml ${CMAKE_CURRENT_LIST_DIR}/openapi_json.py
    VERBATIM)
openapi_array(api_openapi ${CMAKE_SOURCE_DIR}/openapi.yaml)
openapi_array(api_openapi_json ${openapi_json})
