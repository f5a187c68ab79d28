# web/ as a const table in the api library. Included after bridge_part(api ...); the same file is the script that writes the
# table: `cmake -DFOLDER=web -DOUT=table.c -P assets.cmake`.
set(assets_pattern "\\.(html|js|css|svg)$")
if(CMAKE_SCRIPT_MODE_FILE)
    set(type_html "text/html; charset=utf-8")
    set(type_js "text/javascript; charset=utf-8")
    set(type_css "text/css; charset=utf-8")
    set(type_svg "image/svg+xml; charset=utf-8")
    file(GLOB names RELATIVE ${FOLDER} ${FOLDER}/*)
    list(FILTER names INCLUDE REGEX "${assets_pattern}")
    list(SORT names)
    set(arrays "")
    set(rows "")
    foreach(name ${names})
        string(MAKE_C_IDENTIFIER "file_${name}" array)
        string(REGEX REPLACE ".*\\." "" suffix "${name}")
        file(SHA256 ${FOLDER}/${name} hash)
        string(SUBSTRING "${hash}" 0 32 etag)
        file(READ ${FOLDER}/${name} hex HEX)
        string(REGEX REPLACE "(................................)" "\\1\n    " hex "${hex}")
        string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
        string(APPEND arrays "static const unsigned char ${array}[] = {\n    ${bytes}\n};\n")
        string(APPEND rows
               "    { \"${name}\", \"${type_${suffix}}\", \"\\\"${etag}\\\"\", ${array}, sizeof(${array}) },\n")
    endforeach()
    file(WRITE ${OUT} "#include \"api/assets.h\"\n\n${arrays}\nconst struct api_asset api_assets[] = {\n${rows}};\n"
         "const size_t api_assets_count = sizeof(api_assets) / sizeof(api_assets[0]);\n")
    return()
endif()

set(assets_source ${CMAKE_BINARY_DIR}/generated/assets_table.c)
file(GLOB assets_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/*)
list(FILTER assets_files INCLUDE REGEX "${assets_pattern}")
add_custom_command(
    OUTPUT ${assets_source}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${CMAKE_SOURCE_DIR}/web -DOUT=${assets_source}
            -P ${CMAKE_CURRENT_LIST_DIR}/assets.cmake
    DEPENDS ${assets_files} ${CMAKE_CURRENT_LIST_DIR}/assets.cmake
    VERBATIM)
target_sources(api PRIVATE ${assets_source})
