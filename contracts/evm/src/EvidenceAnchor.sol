// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Anchors of one evidence ledger, made by its members, and nobody's to change.
/// @notice Members attest the state of the ledger's log at a size. What as many members as the
/// threshold attested alike is confirmed, with the time of the block, for ever. Members and
/// threshold change by vote of the members. There is no owner, no proxy, no way to delete, and the
/// contract calls nothing but SHA-256.
/// @dev The rules and why: docs/adr/0033. Adapters and verifiers read the storage by position:
/// slots 0 and 1 stay as they are (docs/anchors/contract.md).
contract EvidenceAnchor {
    /// @notice What is held of one size of the log.
    /// @param root of the log, RFC 9162 section 2.1.1.
    /// @param digest SHA-256 of the anchor point's document.
    /// @param confirmedAt the block's time when the threshold was reached, 0 before.
    /// @param attestations how many members attested; before it is confirmed, of those who were
    /// members when the last of them did.
    struct Anchor {
        bytes32 root;
        bytes32 digest;
        uint64 confirmedAt;
        uint32 attestations;
    }

    /// @dev `seat` is an account's number among all that ever were members, from 1, for ever.
    struct Member {
        uint64 lastSize;
        uint16 seat;
    }

    /// @notice Somebody attested something else at this size; given is what is known.
    error Conflict(uint64 size, bytes32 root, bytes32 digest);
    error NotMember(address account);
    error NotRising(uint64 size, uint64 last);
    error AlreadyMember(address account);
    error ThresholdOutOfRange(uint256 threshold, uint256 memberCount);
    /// @notice 256 accounts have been members; a new contract is needed.
    error NoSeatLeft();
    /// @notice Neither a ledger nor an account can be zero.
    error Zero();
    /// @notice The proposal would change nothing.
    error NoChange();
    /// @notice Members have changed since the proposal was made.
    error Outdated(uint64 term, uint64 current);
    /// @notice The proposal's time is over.
    error Expired(uint64 until, uint256 time);

    event Attested(uint64 indexed size, address indexed member, bytes32 root, bytes32 digest);
    event Anchored(uint64 indexed size, bytes32 root, bytes32 digest);
    event Voted(
        bytes32 indexed proposal,
        address indexed member,
        uint64 term,
        address admitted,
        address removed,
        uint256 threshold,
        uint64 until
    );
    /// @notice A term begins; the constructor begins the first, with one event a member.
    event MembersChanged(uint64 indexed term, address admitted, address removed, uint256 threshold);

    uint256 private constant SEATS = 256;

    // Slot 0 and slot 1: read from outside by position.
    mapping(uint64 size => Anchor) private anchors;
    mapping(uint64 size => uint256 seats) private attesters;
    mapping(address account => Member) private memberOf;
    mapping(bytes32 proposal => uint256 seats) private votes;
    address[] private seats;
    uint256 private seated;

    /// @notice How many of the members must attest alike.
    uint256 public threshold;
    /// @notice How often members or threshold have changed.
    uint64 public term;
    /// @notice SHA-256 of the genesis document of the ledger whose log this is.
    bytes32 public immutable ledger;

    constructor(bytes32 ledger_, address[] memory members_, uint256 threshold_) {
        if (ledger_ == 0) revert Zero();
        ledger = ledger_;
        for (uint256 i = 0; i < members_.length; ++i) {
            _seat(members_[i]);
            emit MembersChanged(0, members_[i], address(0), threshold_);
        }
        _checkThreshold(threshold_, members_.length);
        threshold = threshold_;
    }

    /// @notice Attest, as a member, the log's root at `size` and the digest of the anchor point.
    /// @dev The same once more does nothing, however old. Reverts: NotMember; Conflict where
    /// anything else is known of the size; NotRising unless `size` is above the member's last.
    function attest(uint64 size, bytes32 root, bytes32 digest) external {
        uint256 seat = _seatOf(msg.sender);
        Anchor storage anchor = anchors[size];
        uint256 by = attesters[size];
        if (by != 0 && (anchor.root != root || anchor.digest != digest)) {
            if (anchor.confirmedAt != 0 || by & seated != 0) {
                revert Conflict(size, anchor.root, anchor.digest);
            }
            // Unconfirmed, and no member stands behind it any more: a thief whose account was
            // voted out cannot have closed the sizes to come.
            by = 0;
        }
        if (by & seat != 0) return;
        uint64 last = memberOf[msg.sender].lastSize;
        if (size <= last) revert NotRising(size, last);
        memberOf[msg.sender].lastSize = size;
        if (by == 0) {
            anchor.root = root;
            anchor.digest = digest;
        }
        by |= seat;
        attesters[size] = by;
        emit Attested(size, msg.sender, root, digest);
        if (anchor.confirmedAt != 0) {
            ++anchor.attestations;
            return;
        }
        uint256 count = _count(by & seated);
        anchor.attestations = uint32(count);
        if (count < threshold) return;
        anchor.confirmedAt = uint64(block.timestamp);
        emit Anchored(size, root, digest);
    }

    /// @notice Vote, as a member, for a change; it is made by the vote that is enough for it.
    /// @dev A proposal is what its votes say. It ends with its time and with any change made.
    /// The same vote once more does nothing.
    /// @param term_ the present term, in which the vote is meant to count.
    /// @param admitted who becomes a member, 0 for nobody.
    /// @param removed who is a member no longer, 0 for nobody.
    /// @param threshold_ the threshold from then on.
    /// @param until the last block time at which it can be voted for, in the chain's own unit.
    function vote(uint64 term_, address admitted, address removed, uint256 threshold_, uint64 until)
        external
    {
        uint256 seat = _seatOf(msg.sender);
        if (term_ != term) revert Outdated(term_, term);
        if (block.timestamp > until) revert Expired(until, block.timestamp);
        _checkChange(admitted, removed, threshold_);
        bytes32 proposal = proposalId(term_, admitted, removed, threshold_, until);
        uint256 by = votes[proposal];
        if (by & seat != 0) return;
        by |= seat;
        votes[proposal] = by;
        emit Voted(proposal, msg.sender, term_, admitted, removed, threshold_, until);
        if (_count(by) < votesNeeded()) return;
        if (removed != address(0)) seated &= ~_seatOf(removed);
        if (admitted != address(0)) _seat(admitted);
        threshold = threshold_;
        term = term_ + 1;
        emit MembersChanged(term_ + 1, admitted, removed, threshold_);
    }

    /// @notice Whether a record is in the log as it was confirmed at `size`.
    /// @dev RFC 9162 section 2.1.3.2. False where nothing is confirmed at `size`. The path's length
    /// follows from index and size, so an inner node cannot pass for a leaf.
    /// @param leaf the record's leaf hash, SHA-256(0x00 || entry).
    /// @param path the audit path, from the leaf's sibling up.
    function isRecorded(uint64 size, bytes32 leaf, uint64 index, bytes32[] calldata path)
        public
        view
        returns (bool)
    {
        Anchor storage anchor = anchors[size];
        if (anchor.confirmedAt == 0 || index >= size) return false;
        uint64 node = index;
        uint64 last = size - 1;
        bytes32 hash = leaf;
        for (uint256 i = 0; i < path.length; ++i) {
            if (last == 0) return false;
            if (node & 1 == 1 || node == last) {
                hash = sha256(abi.encodePacked(hex"01", path[i], hash));
                while (node & 1 == 0 && node != 0) {
                    node >>= 1;
                    last >>= 1;
                }
            } else {
                hash = sha256(abi.encodePacked(hex"01", hash, path[i]));
            }
            node >>= 1;
            last >>= 1;
        }
        return last == 0 && hash == anchor.root;
    }

    /// @notice As `isRecorded`, with the entry's own bytes.
    function isEntryRecorded(
        uint64 size,
        bytes calldata entry,
        uint64 index,
        bytes32[] calldata path
    ) external view returns (bool) {
        return isRecorded(size, sha256(abi.encodePacked(hex"00", entry)), index, path);
    }

    /// @notice What is held of `size`; all zero where nobody attested it.
    function anchorOf(uint64 size)
        external
        view
        returns (bytes32 root, bytes32 digest, uint64 confirmedAt, uint32 attestations)
    {
        Anchor storage anchor = anchors[size];
        return (anchor.root, anchor.digest, anchor.confirmedAt, anchor.attestations);
    }

    /// @notice Whether `account` attested what is held of `size`, as a member that it was then.
    function hasAttested(uint64 size, address account) external view returns (bool) {
        return attesters[size] & _bitOf(account) != 0;
    }

    /// @notice The largest size that `account` attested, 0 if none.
    function lastSizeOf(address account) external view returns (uint64) {
        return memberOf[account].lastSize;
    }

    /// @notice Whether `account` is a member now.
    function isMember(address account) public view returns (bool) {
        return seated & _bitOf(account) != 0;
    }

    /// @notice How many members there are now.
    function memberCount() public view returns (uint256) {
        return _count(seated);
    }

    /// @notice The members of now, in the order in which they first came.
    function members() external view returns (address[] memory present) {
        present = new address[](memberCount());
        uint256 next = 0;
        for (uint256 i = 0; next < present.length; ++i) {
            if (seated & (1 << i) != 0) present[next++] = seats[i];
        }
    }

    /// @notice How many votes a change takes: the threshold, and never less than a majority.
    function votesNeeded() public view returns (uint256) {
        uint256 majority = memberCount() / 2 + 1;
        return threshold > majority ? threshold : majority;
    }

    /// @notice The number under which the votes for a change are counted.
    function proposalId(
        uint64 term_,
        address admitted,
        address removed,
        uint256 threshold_,
        uint64 until
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(term_, admitted, removed, threshold_, until));
    }

    /// @notice How many members voted for `proposal`.
    function votesFor(bytes32 proposal) external view returns (uint256) {
        return _count(votes[proposal]);
    }

    function _checkChange(address admitted, address removed, uint256 threshold_) private view {
        uint256 count = memberCount();
        if (admitted == address(0) && removed == address(0) && threshold_ == threshold) {
            revert NoChange();
        }
        if (removed != address(0)) {
            if (!isMember(removed)) revert NotMember(removed);
            --count;
        }
        if (admitted != address(0)) {
            if (isMember(admitted)) revert AlreadyMember(admitted);
            if (memberOf[admitted].seat == 0 && seats.length == SEATS) revert NoSeatLeft();
            ++count;
        }
        _checkThreshold(threshold_, count);
    }

    function _checkThreshold(uint256 threshold_, uint256 count) private pure {
        if (threshold_ == 0 || threshold_ > count) revert ThresholdOutOfRange(threshold_, count);
    }

    /// @dev Make `account` a member, on the seat that it had before if it had one.
    function _seat(address account) private {
        if (account == address(0)) revert Zero();
        uint16 seat = memberOf[account].seat;
        if (seat == 0) {
            if (seats.length == SEATS) revert NoSeatLeft();
            seats.push(account);
            seat = uint16(seats.length);
            memberOf[account].seat = seat;
        } else if (isMember(account)) {
            revert AlreadyMember(account);
        }
        seated |= 1 << (seat - 1);
    }

    /// @dev The bit of a member's seat.
    function _seatOf(address account) private view returns (uint256 bit) {
        bit = _bitOf(account);
        if (seated & bit == 0) revert NotMember(account);
    }

    /// @dev The bit of the seat that `account` has or had; 0 if it never was a member.
    function _bitOf(address account) private view returns (uint256) {
        uint16 seat = memberOf[account].seat;
        return seat == 0 ? 0 : 1 << (seat - 1);
    }

    /// @dev How many bits are set.
    function _count(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) {
            ++count;
        }
    }
}
