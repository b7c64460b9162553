# sg_musl: how to compile and link with musl what is else compiled for glibc; no target where musl is not installed, or
# does not do what the wrapper needs. It is the compiler that builds the rest: only headers and libc are others.

string(REPLACE -gnu -musl triple "${CMAKE_LIBRARY_ARCHITECTURE}")
find_file(SG_MUSL_START rcrt1.o PATHS /usr/lib/${triple} /usr/lib/musl/lib /usr/local/musl/lib NO_DEFAULT_PATH)
find_path(SG_MUSL_INCLUDE features.h PATHS /usr/include/${triple} /usr/lib/musl/include /usr/local/musl/include NO_DEFAULT_PATH)
find_path(SG_KERNEL_INCLUDE asm/types.h PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE} /usr/include NO_DEFAULT_PATH)
mark_as_advanced(SG_MUSL_START SG_MUSL_INCLUDE SG_KERNEL_INCLUDE)
if(NOT SG_MUSL_START OR NOT SG_MUSL_INCLUDE)
  message(STATUS "the wrapper is linked with glibc, which makes each start dearer: musl is missing (Debian: musl-dev)")
  return()
endif()
cmake_path(GET SG_MUSL_START PARENT_PATH musl)

# What glibc's directory also has and musl's has not: the kernel's headers, and inih's.
set(beside ${PROJECT_BINARY_DIR}/musl-include)
file(MAKE_DIRECTORY ${beside})
file(CREATE_LINK /usr/include/linux ${beside}/linux SYMBOLIC)
file(CREATE_LINK /usr/include/asm-generic ${beside}/asm-generic SYMBOLIC)
file(CREATE_LINK ${SG_KERNEL_INCLUDE}/asm ${beside}/asm SYMBOLIC)
file(CREATE_LINK ${INIH_INCLUDE_DIR}/ini.h ${beside}/ini.h SYMBOLIC)
execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=include OUTPUT_VARIABLE own OUTPUT_STRIP_TRAILING_WHITESPACE)

# -Wno-conversion: its macros and its ioctl(2) have types of their own; glibc's build of the same files is strict.
set(compile -nostdinc -isystem ${SG_MUSL_INCLUDE} -isystem ${own} -isystem ${beside} -Wno-conversion -Wno-sign-conversion)
set(begin -nostdlib ${musl}/rcrt1.o ${musl}/crti.o)
set(end -L${musl} -lc -lgcc ${musl}/crtn.o)

# Tried, as inih was built for another libc.
include(CheckCSourceRuns)
list(JOIN compile " " CMAKE_REQUIRED_FLAGS)
string(APPEND CMAKE_REQUIRED_FLAGS " -fPIE -fstack-protector-strong")
set(CMAKE_REQUIRED_LINK_OPTIONS -static-pie ${begin})
set(CMAKE_REQUIRED_LIBRARIES ${INIH_LIBRARY} ${end})
check_c_source_runs("#include \"${PROJECT_SOURCE_DIR}/cmake/musl_check.c\"" SG_MUSL_WORKS)
unset(CMAKE_REQUIRED_FLAGS)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT SG_MUSL_WORKS)
  message(STATUS "the wrapper is linked with glibc: musl does not do here")
  return()
endif()

add_library(sg_musl INTERFACE)
list(JOIN compile " " compile) # SHELL: -isystem thrice is not once
target_compile_options(sg_musl INTERFACE "SHELL:${compile}")
target_link_options(sg_musl INTERFACE ${begin})
add_library(sg_musl_end INTERFACE) # behind all else
target_link_libraries(sg_musl_end INTERFACE ${end})
