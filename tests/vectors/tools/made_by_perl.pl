#!/usr/bin/perl
# Writes what asked.json asks for with Net::SMPP (Debian: libnet-smpp-perl): perl made_by_perl.pl > ../pdus_perl.json
use strict;
use warnings;
use FindBin;
use JSON::PP;

# Net::SMPP writes to a socket; this one keeps what is written.
package Kept;
use Net::SMPP;
use Symbol;
our @ISA = ('Net::SMPP');
our $octets = '';

sub new {
    my $me = bless gensym, shift;
    $me->set_version(0x34);
    return $me;
}

sub syswrite {
    my ($me, $written) = @_;
    $octets .= $written;
    return length $written;
}

package main;

my %octet_strings = map { $_ => 1 } qw(short_message);

sub lists {
    my ($entries, @names) = @_;
    return map { my $name = $_; ($name => [ map { $_->{$name} } @$entries ]) } @names;
}

sub arguments {
    my ($asked) = @_;
    my @given;
    for my $name (sort keys %{ $asked->{fields} }) {
        my $value = $asked->{fields}{$name};
        if ($name eq 'dest_address') {
            my @entries = map { { %$_, destination_addr => $_->{destination_addr} // $_->{dl_name} } } @$value;
            push @given, lists(\@entries, qw(dest_flag dest_addr_ton dest_addr_npi destination_addr));
        } elsif ($name eq 'unsuccess_sme') {
            push @given, lists($value, qw(dest_addr_ton dest_addr_npi destination_addr error_status_code));
        } else {
            push @given, $name => $octet_strings{$name} ? pack('H*', $value) : $value;
        }
    }
    push @given, map { ($_->{name} => pack('H*', $_->{value})) } @{ $asked->{tlvs} };
    push @given, status => $asked->{status} if $asked->{command} =~ /_resp$|generic_nack/;
    return (@given, seq => $asked->{sequence}, async => 1);
}

my $json = JSON::PP->new->canonical->ascii;
open my $file, '<', "$FindBin::Bin/asked.json" or die $!;
my $all = $json->utf8->decode(do { local $/; <$file> });
my (@made, @refused);
for my $asked (@$all) {
    my $command = $asked->{command};
    $Kept::octets = '';
    if (eval { Kept->new->$command(arguments($asked)); 1 }) {
        push @made, { asked => $asked->{name}, hex => unpack('H*', $Kept::octets) };
    } else {
        push @refused, { asked => $asked->{name}, why => (split / at /, $@)[0] };
    }
}
my $origin = "Net::SMPP $Net::SMPP::VERSION, perl $^V, tests/vectors/tools/made_by_perl.pl";
print $json->pretty->encode({ origin => $origin, made => \@made, refused => \@refused });
