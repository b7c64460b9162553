# Addresses to be moved at each start, as a bitmap: a tenth of the wrapper's own instructions. Run, as libc has to know
# it too (binutils 2.38, glibc 2.36).
include(CheckCSourceRuns)
set(CMAKE_REQUIRED_FLAGS -fPIE)
set(CMAKE_REQUIRED_LINK_OPTIONS -static-pie -Wl,--fatal-warnings,-z,pack-relative-relocs)
check_c_source_runs("const char *const word[2] = { \"a\", \"b\" };
                     int main(int n, char **at) { (void)at; return word[n - 1][0] != 'a'; }" SG_PACKS_RELOCATIONS)
unset(CMAKE_REQUIRED_FLAGS)
unset(CMAKE_REQUIRED_LINK_OPTIONS)
if(SG_PACKS_RELOCATIONS)
  target_link_options(spawnguard PRIVATE -Wl,-z,pack-relative-relocs)
endif()
