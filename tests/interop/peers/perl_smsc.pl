#!/usr/bin/perl
# An SMSC made from Perl's Net::SMPP (Debian: libnet-smpp-perl), following rules.md.
# Run as: perl perl_smsc.pl --port-file F --log F --accounts F
#
# The module is written for one process a connection, blocking. Here one process serves all of them: select() says who
# has something to read, and a PDU that has begun is waited for.
use strict;
use warnings;
use Getopt::Long;
use IO::Select;
use JSON::PP;
use Net::SMPP;
use POSIX qw(strftime);
use Time::HiRes qw(time);

use constant RINVCMDID  => 0x03;
use constant RINVPASWD  => 0x0e;
use constant SUBMIT_SM  => 0x00000004;
use constant UNBIND     => 0x00000006;
use constant ENQUIRE    => 0x00000015;
use constant RESPONSE   => 0x80000000;
use constant NETWORK_GSM => 3;

my %BINDS = (
    0x00000009 => [ 'TRX', 'bind_transceiver_resp' ],
    0x00000002 => [ 'TX',  'bind_transmitter_resp' ],
    0x00000001 => [ 'RX',  'bind_receiver_resp' ],
);
my %FORMS = (decimal => '%d', paddedDecimal => '%010d', hex => '%x', upperHex => '%X', paddedHex => '%010x');
my @LOGGED_TLVS = qw(message_payload sar_msg_ref_num sar_total_segments sar_segment_seqnum);

GetOptions('port-file=s' => \my $port_file, 'log=s' => \my $log_file, 'accounts=s' => \my $accounts_file) or die;
my $accounts = decode_json(slurp($accounts_file));
open(my $log, '>>', $log_file) or die "$log_file: $!";
$log->autoflush(1);

my %session;      # of a socket: number, system_id
my %receivers;    # of an account: its sockets that can receive, oldest first
my @due;          # [when, what], what is due later, in order
my $sessions = 0;

$SIG{$_} = sub { exit 0 } for qw(TERM INT);
$SIG{PIPE} = 'IGNORE';
# The module warns at the end of a connection: here that is nothing special.
$SIG{__WARN__} = sub { print STDERR @_ unless $_[0] =~ /^premature eof|^error reading header/ };

my $server = Net::SMPP->new_listen('127.0.0.1', port => 0, system_id => 'net-smpp') or die "cannot listen: $!";
my $waiting = IO::Select->new($server);
publish_port();
while (1) {
    my $left = @due ? $due[0][0] - time : 60;
    for my $socket ($waiting->can_read($left > 0 ? $left : 0)) {
        $socket == $server ? welcome() : serve($socket);
    }
    (shift @due)->[1]->() while @due && $due[0][0] <= time;
}

sub slurp {
    my ($path) = @_;
    open(my $file, '<', $path) or die "$path: $!";
    local $/ = undef;
    return <$file>;
}

sub publish_port {
    open(my $file, '>', "$port_file.tmp") or die "$port_file: $!";
    print $file encode_json({ port => $server->sockport });
    close $file;
    rename "$port_file.tmp", $port_file or die "$port_file: $!";
    return;
}

sub note {
    my ($event, $socket, %fields) = @_;
    my $about = $session{$socket};
    my %line = (at => time, event => $event, bind => $about->{number}, system_id => $about->{system_id}, %fields);
    print $log encode_json(\%line), "\n";
    return;
}

sub later {
    my ($seconds, $action) = @_;
    @due = sort { $a->[0] <=> $b->[0] } @due, [ time + $seconds, $action ];
    return;
}

sub written {
    my ($number, $form) = @_;
    return sprintf $FORMS{$form}, $number if exists $FORMS{$form};
    my $uuid = sprintf '%08x-0000-4000-8000-%012x', $number, $number;
    return $form eq 'upperUuid' ? uc $uuid : $uuid;
}

# -- connections

sub welcome {
    my $socket = $server->accept or return;
    $session{$socket} = { number => ++$sessions, system_id => '' };
    $waiting->add($socket);
    return;
}

sub farewell {
    my ($socket) = @_;
    my $about = delete $session{$socket};
    @{ $receivers{ $about->{system_id} } } = grep { $_ != $socket } @{ $receivers{ $about->{system_id} } || [] };
    $waiting->remove($socket);
    close $socket;
    return;
}

sub serve {
    my ($socket) = @_;
    # The module's reader tries again while $! says "Interrupted", and asks that even after it has read something.
    local $! = 0;
    my $pdu = $socket->read_pdu or return farewell($socket);
    my $command = $pdu->{cmd};
    if    (exists $BINDS{$command})   { on_bind($socket, $pdu, @{ $BINDS{$command} }) }
    elsif ($command == SUBMIT_SM)     { on_submit($socket, $pdu) }
    elsif ($command == ENQUIRE)       { $socket->enquire_link_resp(seq => $pdu->{seq}) }
    elsif ($command == UNBIND)        { $socket->unbind_resp(seq => $pdu->{seq}); farewell($socket) }
    elsif ($command & RESPONSE)       { on_response($socket, $pdu) }
    else                              { $socket->generic_nack(seq => $pdu->{seq}, status => RINVCMDID) }
    return;
}

sub on_bind {
    my ($socket, $pdu, $mode, $answer) = @_;
    my $account = $accounts->{ $pdu->{system_id} };
    my $known = $account && $account->{password} eq $pdu->{password};
    my $status = !$known ? RINVPASWD : (grep { $_ eq $mode } @{ $account->{refuse} }) ? RINVCMDID : 0;
    $session{$socket}{system_id} = $pdu->{system_id};
    note('bind', $socket, mode => $mode, command_status => $status);
    $socket->$answer(seq => $pdu->{seq}, status => $status);
    return if $status;
    push @{ $receivers{ $pdu->{system_id} } }, $socket if $mode ne 'TX';
    greet($socket) if $account->{outbind};
    return;
}

# -- messages

sub on_submit {
    my ($socket, $pdu) = @_;
    my $name = $session{$socket}{system_id};
    my $account = $accounts->{$name};
    my $ending = $account->{endings}{ substr $pdu->{destination_addr}, -3 } || $account->{endings}{''};
    my $status = $ending->{status} || 0;
    my $number = $status ? 0 : $account->{start}++;
    my $id = $status ? '' : written($number, $account->{response});
    my @tlvs = map { [ $_, unpack('H*', $pdu->{$_}) ] } grep { defined $pdu->{$_} } @LOGGED_TLVS;
    note(
        'submit', $socket,
        seq => $pdu->{seq},
        (map { $_ => $pdu->{$_} } qw(source_addr destination_addr esm_class data_coding registered_delivery)),
        short_message => unpack('H*', $pdu->{short_message}),
        tlvs => \@tlvs,
        message_id => $id,
        command_status => $status,
    );
    $socket->submit_sm_resp(seq => $pdu->{seq}, status => $status, message_id => $id);
    return if $status || !($pdu->{registered_delivery} & 1);
    my ($submitted, $after) = (time, 0);
    for my $receipt (@{ $ending->{receipts} }) {
        $after += $account->{delay};
        my $about = { id => $id, receipt_id => written($number, $account->{receipt}), submit => $pdu, at => $submitted };
        later($after, sub { report($name, $receipt, $about) });
    }
    return;
}

sub report {
    my ($name, $receipt, $about) = @_;
    my $account = $accounts->{$name};
    my $socket = $receivers{$name}[-1] or return;
    my $text = receipt_text($account, $receipt, $about);
    my $carrier = $account->{carrier};
    my %tlvs = (
        id    => [ receipted_message_id => "$about->{receipt_id}\0" ],
        state => [ message_state => pack('C', $receipt->{state}) ],
        error => [ network_error_code => pack('Cn', NETWORK_GSM, $receipt->{error}) ],
    );
    my $method = $carrier eq 'data_sm' ? 'data_sm' : 'deliver_sm';
    my $seq = $socket->$method(
        async => 1,
        source_addr_ton => 1,
        source_addr_npi => 1,
        source_addr => $about->{submit}{destination_addr},
        destination_addr => $about->{submit}{source_addr},
        esm_class => $receipt->{esmClass},
        data_coding => $account->{dataCoding},
        ($carrier eq 'short_message' ? (short_message => $text) : ()),
        ($carrier =~ /^(?:message_payload|data_sm)$/ ? (message_payload => $text) : ()),
        map { @{ $tlvs{$_} } } @{ $account->{tlvs} },
    );
    $session{$socket}{unanswered}{$seq} = $about;
    return;
}

sub receipt_text {
    my ($account, $receipt, $about) = @_;
    my $text = $receipt->{text};
    my %filled = (id => $about->{receipt_id}, submit => date($account, 'submit', $about->{at}), done => date($account, 'done', time));
    $text =~ s/\{$_\}/$filled{$_}/ for keys %filled;
    return $account->{dataCoding} == 8 ? pack('n*', unpack('C*', $text)) : $text;
}

sub date {
    my ($account, $key, $moment) = @_;
    return strftime($account->{$key}, gmtime($moment + 60 * $account->{utcMinutes}));
}

sub greet {
    my ($socket) = @_;
    $socket->outbind(system_id => 'net-smpp', password => '');
    note('outbind', $socket);
    return;
}

sub on_response {
    my ($socket, $pdu) = @_;
    my $about = delete $session{$socket}{unanswered}{ $pdu->{seq} } or return;
    note(
        'deliver_resp', $socket,
        message_id => $about->{id},
        destination_addr => $about->{submit}{destination_addr},
        command_status => $pdu->{status},
    );
    return;
}
