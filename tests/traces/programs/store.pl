# As store.py.  Kinds: string, hash (many small values).
my $kind = shift // 'string';
my (@store, $serial);
while (<STDIN>) {
    last if /^q/;
    my ($which, $want) = split;
    my $store = $store[$which] //= [];
    while (@$store < $want) {
        $serial++;
        push @$store, $kind eq 'hash' ? { map { ("k$serial-$_", $_) } 1 .. 110 } : 'x' x 16384;
    }
    $#$store = $want - 1;
}
